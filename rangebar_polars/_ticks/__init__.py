"""The tick cache: trades of archives and of your own, a Parquet file for each UTC day."""
