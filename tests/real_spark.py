"""A local Spark session with two threads, for the tests."""

import os
import sys
from pathlib import Path
from tempfile import TemporaryDirectory

import pyarrow.parquet as pq
from pyspark.sql import SparkSession

OPTIONS = {
    "spark.ui.enabled": "false",
    "spark.sql.session.timeZone": "UTC",
    "spark.driver.memory": "2g",
}


class Session:
    """Makes DataFrames with a given number of partitions."""

    def __enter__(self):
        os.environ["PYSPARK_PYTHON"] = sys.executable
        builder = SparkSession.builder.master("local[2]").appName("mlgates")
        for key, value in OPTIONS.items():
            builder = builder.config(key, value)
        self.spark = builder.getOrCreate()
        self.folder = TemporaryDirectory()
        return self

    def __exit__(self, *error):
        self.spark.stop()
        self.folder.cleanup()

    def frame(self, table, partitions):
        """Read a table from Parquet, so that Spark keeps which timestamps have a time zone."""
        path = Path(self.folder.name, f"{len(list(Path(self.folder.name).iterdir()))}.parquet")
        pq.write_table(table, path)
        return self.spark.read.parquet(str(path)).repartition(partitions)
