"""Launchpad and workers; the only importer of FireWorks."""
