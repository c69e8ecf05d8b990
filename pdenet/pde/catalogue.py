"""Named equations, each with its reference and values that work well.

An entry says how its data are made by default: a domain, periodic or with walls, an observed grid,
the time between frames, and random Fourier initial fields as in the papers (wave numbers up to 4,
scaled to a maximum of 2, plus a uniform constant from [-2, 2]).

References: PDE-Net is Z. Long, Y. Lu, X. Ma, B. Dong, ICML 2018, arXiv:1710.09668; PDE-Net 2.0 is
Z. Long, Y. Lu, B. Dong, J. Comput. Phys. 399 (2019) 108925, arXiv:1812.04426.
"""

import math
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from types import MappingProxyType

from pdenet.boundary import Boundaries, Dirichlet
from pdenet.errors import EquationError
from pdenet.pde.definition import PDE
from pdenet.pde.names import closest

__all__ = ["Entry", "catalogue", "entry_of", "get"]

_PDE_NET = "PDE-Net (Long, Lu, Ma, Dong, ICML 2018, arXiv:1710.09668)"
_PDE_NET_2 = "PDE-Net 2.0 (Long, Lu, Dong, J. Comput. Phys. 399, 2019, arXiv:1812.04426)"


_SQUARE = (2 * math.pi, 2 * math.pi)


@dataclass(frozen=True)
class Entry:
    """A named equation and good values for its data.

    lengths, shape: the domain and the observed grid.
    dt, frames, trajectories: time between frames, frames of a trajectory, number of trajectories.
    refine: the simulation runs on a grid finer by this factor and is sampled on the observed one.
    noise: level of the noise, in units of the standard deviation of the first frame.
    initial: the random Fourier fields: wave numbers up to `waves`, scaled to `amplitude`, plus a
        uniform constant from [-constant, constant].
    boundaries: the conditions at the ends of every axis; None where all axes are periodic.
    late_start: every second trajectory has run for this long before its first frame.
    preset: the name of the training preset that this kind of right-hand side needs, if any.
    """

    name: str
    pde: PDE
    title: str
    reference: str
    lengths: tuple[float, ...]
    shape: tuple[int, ...]
    dt: float = 0.01
    frames: int = 41
    trajectories: int = 28
    refine: int = 2
    noise: float = 0.001
    initial: Mapping[str, int | float] = field(
        default_factory=lambda: {"waves": 4, "amplitude": 2.0, "constant": 2.0}
    )
    boundaries: Boundaries | None = None
    late_start: float = 1.0
    preset: str | None = None


def _entry(
    name: str, title: str, reference: str, pde: PDE, points: int = 64, small: bool = False
) -> Entry:
    """small: what a first run meets, `make demo`. Ten short trajectories give each coefficient
    within 0.02 %, in two minutes; solved on twice the points of the observed grid, fronts would be
    off by more than the errors printed. All begin smooth: initial fronts that the observed grid
    does not resolve are found on a finer one, which takes eight times as long."""
    entry = Entry(
        name=name,
        pde=pde,
        title=title,
        reference=reference,
        lengths=(2 * math.pi,) * pde.ndim,
        shape=(points,) * pde.ndim,
    )
    return replace(entry, trajectories=10, frames=16, refine=3, late_start=0.0) if small else entry


_ENTRIES = (
    _entry(
        "burgers",
        "Burgers' equation in two dimensions",
        _PDE_NET_2,
        PDE(
            "u_t = -u*u_x - v*u_y + nu*(u_xx + u_yy)",
            "v_t = -u*v_x - v*v_y + nu*(v_xx + v_yy)",
            nu=0.05,
        ),
        small=True,
    ),
    _entry(
        "burgers-1d",
        "Burgers' equation in one dimension",
        "J. M. Burgers, Adv. Appl. Mech. 1 (1948) 171-199",
        PDE("u_t = -u*u_x + nu*u_xx", nu=0.1),
        points=256,
    ),
    _entry(
        "diffusion",
        "Diffusion in two dimensions",
        _PDE_NET_2,
        PDE("u_t = c*(u_xx + u_yy)", c=0.1),
    ),
    _entry(
        "convection-diffusion",
        "Convection and diffusion with constant coefficients",
        f"{_PDE_NET}: the constant parts of its variable coefficients",
        PDE("u_t = a*u_x + b*u_y + c*u_xx + d*u_yy", a=0.6, b=0.8, c=0.2, d=0.3),
    ),
    # With A = u^2 + v^2 the source is (1 - A)u + A v and (1 - A)v - A u: five terms when expanded.
    _entry(
        "reactive-source",
        "Convection and diffusion with a cubic reactive source",
        _PDE_NET_2,
        PDE(
            "u_t = -u*u_x - v*u_y + nu*laplace(u) + (1 - u^2 - v^2)*u + (u^2 + v^2)*v",
            "v_t = -u*v_x - v*v_y + nu*laplace(v) - (u^2 + v^2)*u + (1 - u^2 - v^2)*v",
            nu=0.1,
        ),
    ),
    Entry(
        name="variable-coefficients",
        title="Convection and diffusion with coefficients that vary in space",
        reference=_PDE_NET,
        pde=PDE(
            "u_t = (0.5*(cos(y) + x*(2*pi - x)*sin(x)) + 0.6)*u_x"
            " + (2*(cos(y) + sin(x)) + 0.8)*u_y + 0.2*u_xx + 0.3*u_yy"
        ),
        lengths=_SQUARE,
        shape=(50, 50),
        dt=0.015,
        noise=0.015,
        preset="variable-coefficients",
    ),
    # u = 0 is unstable with rate 15, u = ±pi is stable, and between them stand fronts of width
    # (c/15)^(1/2) = 0.14, about one step of the grid: dt resolves the growth, and the trajectories
    # end as the fronts form. Later frames, or a late start, would show nothing but fronts.
    Entry(
        name="nonlinear-source",
        title="Diffusion with a nonlinear source between walls",
        reference=_PDE_NET,
        pde=PDE("u_t = c*(u_xx + u_yy) + 15*sin(u)", c=0.3),
        lengths=_SQUARE,
        shape=(50, 50),
        dt=0.005,
        frames=31,
        refine=3,
        noise=0.01,
        initial={"waves": 2, "amplitude": 3.0, "constant": 1.0},
        boundaries=((Dirichlet(0.0), Dirichlet(0.0)),) * 2,
        late_start=0.0,
        preset="nonlinear-source",
    ),
)

catalogue: Mapping[str, Entry] = MappingProxyType({entry.name: entry for entry in _ENTRIES})


def get(name: str) -> Entry:
    """The entry of that name. Raises EquationError that lists the names when there is none."""
    if name not in catalogue:
        near = closest(name, catalogue)
        raise EquationError(f"no equation named {name!r}{near}: there are {', '.join(catalogue)}")
    return catalogue[name]


def entry_of(pde: PDE | None, name: object = None) -> Entry | None:
    """The entry of that name, or else the one that `pde` is with any values of its parameters; None
    where there is neither. name: as metadata of a file say it, which may be anything."""
    if isinstance(name, str) and name in catalogue:
        return catalogue[name]
    for entry in catalogue.values():
        same = pde is not None and set(pde.parameters) == set(entry.pde.parameters)
        if same and pde is not None and entry.pde.substitute(**pde.parameters) == pde:
            return entry
    return None
