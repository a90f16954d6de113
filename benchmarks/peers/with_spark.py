"""SQL in Spark on all cores, on a cached table: the aggregations of Deequ, without its package."""

from collections.abc import Callable
from pathlib import Path

from common import broken, main
from pyspark.sql import SparkSession
from sql import nulls, rules, select


def judged(folder: Path, counts: Callable[[list[str]], list[str]]) -> Callable[[], str]:
    builder = SparkSession.builder.master("local[*]").config("spark.ui.enabled", "false")
    spark = builder.config("spark.driver.memory", "4g").getOrCreate()
    table = spark.read.parquet(str(folder / "data.parquet")).cache()
    table.count()
    table.createOrReplaceTempView("data")
    query = select(counts(table.columns))
    return lambda: broken(sum(map(bool, spark.sql(query).first())))


def schema(folder: Path) -> Callable[[], str]:
    return judged(folder, lambda names: rules(names, "({name} RLIKE r'^(?:{pattern})$')"))


if __name__ == "__main__":
    main(
        ["pyspark"],
        {"schema": schema, "completeness": lambda folder: judged(folder, nulls)},
    )
