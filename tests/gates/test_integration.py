"""Examples of Integration; tests/catalogue/test_integration_catalogue.py has its tests."""

from gate_examples import Example, HighIncomes, Incomes

import mlgates as mg

# the laws of all gates (tests/test_every_gate.py)

EXAMPLES = (
    Example(
        "integration",
        mg.Integration(),
        others={"model": Incomes()},
        place="X",
        ladders={
            "missing": ("untried", "refuse", "answer"),
            "column_order": ("either", "answer", "refuse"),
        },
    ),
    Example(
        "integration-options",
        mg.Integration(
            deterministic=False,
            row_independent=False,
            pure=False,
            thread_safe=False,
            rtol=1e-3,
            empty="answer",
            missing="untried",
            unseen="answer",
            column_order="answer",
            missing_column="either",
            extra_column="answer",
            changed_dtype="answer",
            rows=64,
            name="served",
            after="schema",
        ),
        others={"model": Incomes()},
        place="X",
    ),
    Example(
        "integration-classifier",
        mg.Integration(predict_is_argmax=True),
        others={"model": HighIncomes()},
        place="X",
    ),
    Example(
        "integration-apart",
        mg.Integration(timeout="60s", round_trip=("gate_examples:write", "gate_examples:read")),
        others={"model": Incomes()},
        place="X",
        slow=True,
    ),
)
