"""Count what a suite needs in each part of a table, to judge the whole table afterwards."""

from dataclasses import dataclass
from datetime import datetime
from typing import final

from mlgates.profile.counter import Counter
from mlgates.profile.scan import Profile

__all__ = ["Plan"]


@final
@dataclass(frozen=True, repr=False)
class Plan:
    """What to count in each part of a table, so that a suite can judge the whole table.

    `GateSuite.plan` creates it. `Plan.count` is called for each part, for example on several
    machines, and its results are merged. A plan is small, and can be pickled and sent to other
    processes and machines. It contains only those values of the reference that are needed for
    counting, such as the edges of bins.

    Attributes
    ----------
    counters : tuple of Counter
        What to count.
    columns : tuple of str
        The columns of which missing values, extremes and a checksum are computed.
    now : datetime
        Time from which the age of timestamps is measured, with a time zone. It is the same for all
        parts.
    reference : str or None
        Fingerprint (SHA-256) of the reference; None if there is no reference.

    Examples
    --------
    >>> import mlgates as mg
    >>> suite = mg.GateSuite([mg.Completeness(), mg.Drift("psi", min_samples=2)])
    >>> baseline = mg.Baseline.from_data({"x": [0.5, 1.5, 2.5, 3.5]})
    >>> plan = suite.plan(data={"x": [1.0]}, reference=baseline)
    >>> parts = [{"x": [0.5, 1.5]}, {"x": [2.5]}, {"x": [3.5]}]
    >>> one, two, three = (plan.count(part).to_bytes() for part in parts)
    >>> read = mg.Profile.from_bytes
    >>> whole = read(one).merge(read(two)).merge(read(three))
    >>> suite.run(data=whole, reference=baseline).verdict
    <Verdict.PASS: 'pass'>
    """

    counters: tuple[Counter, ...]
    columns: tuple[str, ...]
    now: datetime
    reference: str | None = None

    def count(self, table: object, *, n_jobs: int | None = None) -> Profile:
        """Count in one part of the table what the gates of the suite need.

        Parameters
        ----------
        table : table
            Any table that ``data=`` of a run takes. It may be empty (no rows).
        n_jobs : int, optional
            Number of threads. By default one for each processor if the part is large, else one.

        Returns
        -------
        Profile
            The counts. They can be merged with those of other parts, in any order, and converted to
            bytes.

        Raises
        ------
        EvidenceError
            If `table` is not a table, or lacks a column of the plan.
        """
        profile = Profile.of(table, self.counters, columns=self.columns, n_jobs=n_jobs)
        return profile.planned(self.reference)

    def __repr__(self) -> str:
        return f"Plan({len(self.columns)} columns, {len(self.counters)} counters)"
