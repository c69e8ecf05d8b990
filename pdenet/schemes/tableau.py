"""Butcher tableaus of explicit Runge-Kutta methods, as exact fractions that check themselves.

    k_i = f(t + c_i dt, u + dt Σ_(j<i) a_ij k_j),        u(t + dt) ≈ u + dt Σ_i b_i k_i

Order p needs Σ_i b_i = 1 and the other order conditions of all rooted trees with up to p nodes.

Reference: Hairer, Nørsett, Wanner, Solving Ordinary Differential Equations I, 2nd ed., section
II.1 and theorem II.2.13; SSP: Shu, Osher, J. Comput. Phys. 77 (1988) 439, eq. 2.18.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from fractions import Fraction

from pdenet.errors import ConfigError

__all__ = ["TABLEAUS", "ButcherTableau"]


@dataclass(frozen=True)
class ButcherTableau:
    """Coefficients of one explicit method.

    a: strictly lower triangle by rows, without the first (empty) row.
    b: weights of the stages. c: times of the stages. order: stated order, 1 to 4.

    Raises ConfigError when made with coefficients that contradict each other or the stated order.
    """

    name: str
    order: int
    a: tuple[tuple[Fraction, ...], ...]
    b: tuple[Fraction, ...]
    c: tuple[Fraction, ...]

    def __post_init__(self) -> None:
        rows = ((), *self.a)
        if len(rows) != self.stages or len(self.c) != self.stages:
            raise ConfigError(f"tableau {self.name!r}: a, b and c differ in their number of stages")
        for i, row in enumerate(rows):
            if len(row) != i:
                raise ConfigError(f"tableau {self.name!r}: row {i} of a must hold {i} entries")
            if sum(row, Fraction(0)) != self.c[i]:
                raise ConfigError(f"tableau {self.name!r}: row {i} of a does not sum to c[{i}]")
        if not 1 <= self.order <= 4:
            raise ConfigError(f"tableau {self.name!r}: order {self.order} is not one of 1, 2, 3, 4")
        for order, condition, value, wanted in self._conditions():
            if order <= self.order and value != wanted:
                raise ConfigError(
                    f"tableau {self.name!r} is not of order {self.order}: "
                    f"{condition} is {value} and must be {wanted}"
                )

    @property
    def stages(self) -> int:
        """Number of right-hand sides per step."""
        return len(self.b)

    def _conditions(self) -> list[tuple[int, str, Fraction, Fraction]]:
        """(order, condition, value, wanted value) for all rooted trees with up to four nodes."""
        b, c = self.b, self.c
        ac = self._times(c)
        acc = self._times([x * x for x in c])
        aac = self._times(ac)

        def weighted(values: Sequence[Fraction]) -> Fraction:
            return sum((x * y for x, y in zip(b, values, strict=True)), Fraction(0))

        return [
            (1, "sum b", sum(b, Fraction(0)), Fraction(1)),
            (2, "sum b c", weighted(c), Fraction(1, 2)),
            (3, "sum b c^2", weighted([x**2 for x in c]), Fraction(1, 3)),
            (3, "sum b a c", weighted(ac), Fraction(1, 6)),
            (4, "sum b c^3", weighted([x**3 for x in c]), Fraction(1, 4)),
            (
                4,
                "sum b c a c",
                weighted([x * y for x, y in zip(c, ac, strict=True)]),
                Fraction(1, 8),
            ),
            (4, "sum b a c^2", weighted(acc), Fraction(1, 12)),
            (4, "sum b a a c", weighted(aac), Fraction(1, 24)),
        ]

    def _times(self, vector: Sequence[Fraction]) -> list[Fraction]:
        """The product of the matrix a and a vector over the stages."""
        return [
            sum((x * y for x, y in zip(row, vector, strict=False)), Fraction(0))
            for row in ((), *self.a)
        ]


def _tableau(name: str, order: int, a: Sequence[Sequence[str]], b: Sequence[str]) -> ButcherTableau:
    rows = tuple(tuple(Fraction(x) for x in row) for row in a)
    times = (Fraction(0), *(sum(row, Fraction(0)) for row in rows))
    return ButcherTableau(name, order, rows, tuple(Fraction(x) for x in b), times)


TABLEAUS: dict[str, ButcherTableau] = {
    tableau.name: tableau
    for tableau in (
        _tableau("euler", 1, [], ["1"]),
        _tableau("midpoint", 2, [["1/2"]], ["0", "1"]),
        _tableau("heun", 2, [["1"]], ["1/2", "1/2"]),
        _tableau("ssprk3", 3, [["1"], ["1/4", "1/4"]], ["1/6", "1/6", "2/3"]),
        _tableau(
            "rk4",
            4,
            [["1/2"], ["0", "1/2"], ["0", "0", "1"]],
            ["1/6", "1/3", "1/3", "1/6"],
        ),
    )
}
"""The named methods: forward Euler, explicit midpoint, Heun (explicit trapezoidal rule), the
third-order strong-stability-preserving method of Shu and Osher, the classical one of order 4."""
