"""Great Expectations on pandas, with results that are only true or false: its quickest format."""

from collections.abc import Callable
from pathlib import Path

import great_expectations as gx
import great_expectations.expectations as gxe
import pandas as pd
from common import FLOATS, INTS, PATTERNS, RANGES, SETS, TEXTS, UNIQUE, broken, main

TYPES = {
    **dict.fromkeys(FLOATS, "float64"),
    **dict.fromkeys(INTS, "int64"),
    **dict.fromkeys(TEXTS, "str"),
    "paid": "bool",
    "at": "datetime64[us]",
}


def judged(expectations: list[gxe.Expectation], folder: Path) -> Callable[[], str]:
    data = pd.read_parquet(folder / "data.parquet")
    context = gx.get_context(mode="ephemeral")
    asset = context.data_sources.add_pandas("source").add_dataframe_asset("asset")
    definition = asset.add_batch_definition_whole_dataframe("batch")
    suite = context.suites.add(gx.ExpectationSuite(name="suite", expectations=expectations))
    context.variables.progress_bars = {"globally": False}

    def work() -> str:
        batch = definition.get_batch({"dataframe": data})
        results = batch.validate(suite, result_format="BOOLEAN_ONLY").results
        return broken(sum(not result.success for result in results))

    return work


def not_null() -> list[gxe.Expectation]:
    return [gxe.ExpectColumnValuesToNotBeNull(column=name) for name in TYPES]


def schema(folder: Path) -> Callable[[], str]:
    expectations = [gxe.ExpectTableColumnsToMatchSet(column_set=list(TYPES)), *not_null()]
    for name, dtype in TYPES.items():
        expectations.append(gxe.ExpectColumnValuesToBeOfType(column=name, type_=dtype))
    for name, (low, high) in RANGES.items():
        between = gxe.ExpectColumnValuesToBeBetween(column=name, min_value=low, max_value=high)
        expectations.append(between)
    for name, values in SETS.items():
        expectations.append(gxe.ExpectColumnValuesToBeInSet(column=name, value_set=values))
    for name, pattern in PATTERNS.items():
        matches = gxe.ExpectColumnValuesToMatchRegex(column=name, regex=f"^(?:{pattern})$")
        expectations.append(matches)
    return judged([*expectations, gxe.ExpectColumnValuesToBeUnique(column=UNIQUE)], folder)


if __name__ == "__main__":
    main(
        ["great_expectations", "pandas"],
        {"schema": schema, "completeness": lambda folder: judged(not_null(), folder)},
    )
