"""The figures of a report as still images for print, drawn by matplotlib: no browser and no network is needed."""
