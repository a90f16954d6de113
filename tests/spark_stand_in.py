"""A stand-in for Spark: DataFrames with partitions, of which each is counted on its own."""

from types import SimpleNamespace

import pyarrow as pa

#: rows of the batches that a task gets
BATCH = 7


class DataFrame:
    """The methods of ``pyspark.sql.DataFrame`` that mlgates uses."""

    def __init__(self, partitions, *, error=None):
        self.partitions, self.error = partitions, error

    def selectExpr(self, *expressions):  # noqa: N802
        quoted, new = zip(*(each.rsplit(" as ", 1) for each in expressions), strict=True)
        names = [name[1:-1].replace("``", "`") for name in quoted]
        parts = [part.select(names).rename_columns(new) for part in self.partitions]
        return DataFrame(parts, error=self.error)

    def limit(self, rows):
        return DataFrame([self.partitions[0].slice(0, rows)])

    @property
    def schema(self):
        return self.partitions[0].schema

    @property
    def columns(self):
        return self.schema.names

    def toDF(self, *names):  # noqa: N802
        return DataFrame([part.rename_columns(names) for part in self.partitions])

    def toArrow(self):  # noqa: N802
        return pa.concat_tables(self.partitions)

    def mapInArrow(self, function, schema):  # noqa: N802
        if self.error is not None:
            raise self.error
        if schema != "part binary":
            parts = [
                pa.Table.from_batches(function(iter(part.to_batches(max_chunksize=BATCH))), schema)
                for part in self.partitions
            ]
            return DataFrame(parts)
        found = [
            SimpleNamespace(part=bytearray(row["part"]))
            for part in self.partitions
            for batch in function(iter(part.to_batches(max_chunksize=BATCH)))
            for row in batch.to_pylist()
        ]
        return SimpleNamespace(collect=lambda: found)


DataFrame.__module__ = "pyspark.sql.dataframe"


class Session:
    """The method of ``SparkSession`` that the tests use."""

    def frame(self, table, partitions):
        size = -(-len(table) // partitions) if len(table) else 1
        parts = [table.slice(i * size, size) for i in range(partitions)]
        return DataFrame(parts)
