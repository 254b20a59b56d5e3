"""Files of each format as tables: CSV, Parquet, Excel workbooks; their headers, encodings and packing."""
