"""The command line; every module is one group of commands."""
