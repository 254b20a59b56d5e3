"""What all pages share: lists, numbers and dates, files to download."""
