"""From images to features to signatures; knows nothing of reports."""
