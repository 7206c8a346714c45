"""The three tables with dlt, its ConnectorX backend, and Parquet through ADBC: the fastest of the ways tried."""

from benchmarks.contenders import with_dlt

if __name__ == "__main__":
    with_dlt.main(backend="connectorx", file_format="parquet")
