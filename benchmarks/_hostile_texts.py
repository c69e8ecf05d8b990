"""Texts that mean harm, or nothing: equations, numbers, names and whole command lines.

Every function takes a `random.Random`: a seed gives the same text in a benchmark and in a test.
"""

from __future__ import annotations

from random import Random

__all__ = ["ODD", "command_line", "equation", "name", "number"]

JETS = ("u", "u_x", "u_xx", "u_xxx", "u_xxxx", "x", "t")
FUNCTIONS = ("sin", "cos", "exp", "tanh", "d_dx", "laplace")
GOOD = (
    "u_t = -u*u_x + 0.05*u_xx",
    "u_t = 6*u*u_x - u_xxx",
    "u_t = 0.1*(1 + sin(x))*u_xx - u**3/3 + exp(-u**2)",
    "u_t + d_dx(u**2/2) = tanh(u)/(1 + u**2)",
)
ODD = (
    *("\x1b[31m", "\x1b]0;t\x07", "\x00", "\x07", "\r", "\n", "\t", "\x7f", "\x9b", "\u00a0"),
    *(
        "\u202e",
        "\u202f",
        "\u200b",
        "\ufeff",
        "\ud800",
        "é",
        "∂",
        "−",
        "²",
        "😀",
        "\uff55",
        "'",
        '"',
    ),
    *("\\", "`", "$(", "#", ";", "{", "}", "[", "]", "<", ">", "&", "|", "%s", "%", "!", "?", "~"),
)
NUMBERS = (
    *("0", "1", "-1", "1e-300", "1e300", "1e308", "-1e308", "1e-320", "5e-324", "1e999", "-0.0"),
    *("nan", "inf", "-inf", "1e12", "1e15", "1000000000", "9" * 400, "0.1", "1e-9", "1e-17"),
    *("1_000", "٣", "²", "1e", ".", "", " ", "--", "3.0000000000000001", "2147483648", "0x10"),
    *("9223372036854775808", "18446744073709551616", "1/3", "pi", "2pi", "1e5", "12", "7", "64"),
    "1" + "0" * 30,
)


def number(random: Random) -> str:
    """A number, or what stands in its place."""
    if random.random() < 0.2:
        return random.choice(NUMBERS) + random.choice(ODD)
    if random.random() < 0.3:
        return f"{random.uniform(-9, 9):.3g}e{random.randint(-340, 320)}"
    return random.choice(NUMBERS)


def name(random: Random) -> str:
    """The name of a file, a folder, a field or an option."""
    parts = ["u", "run", "data.h5", "..", "/", "-", "--", ".", "a" * 300, "/dev/null", "/dev/full"]
    return "".join(random.choice([*parts, *ODD]) for _ in range(random.randint(1, 3)))


def equation(random: Random) -> str:
    """An equation that is written wrongly, costs much, or is merely odd."""
    kind = random.choice((_grown, _grown, _copied, _nested, _powers, _mutated, _glued))
    return kind(random)


def _grown(random: Random) -> str:
    """A formula by the grammar, of any depth and width."""
    return "u_t = " + _formula(random, random.randint(1, 9))


def _formula(random: Random, depth: int) -> str:
    if depth <= 0 or random.random() < 0.1:
        leaf = f"{random.uniform(-9, 9):.3g}" if random.random() < 0.3 else random.choice(JETS)
        return f"({leaf})" if leaf.startswith("-") else leaf
    inner = [_formula(random, depth - random.randint(1, 3)) for _ in range(random.randint(1, 4))]
    kind = random.random()
    if kind < 0.35:
        return "(" + random.choice((" + ", " - ")).join(inner) + ")"
    if kind < 0.6:
        return random.choice(("*", "*", "/")).join(f"({part})" for part in inner)
    if kind < 0.8:
        return f"{random.choice(FUNCTIONS)}({inner[0]})"
    return f"({inner[0]})**{random.randint(-17, 20)}"


def _copied(random: Random) -> str:
    """One term many times, with a number that differs."""
    inner = random.choice(
        ("(u+u_x+x+{i})**9", "u/(1+{i}*u)", "u**16*u_x**{i}", "{i}*u_x", "exp(u_x+{i})*(u+x)**7")
    )
    outer = random.choice(("{}", "sin({})", "1/({})", "d_dx({})", "exp(sin({}))", "({})**3"))
    text = outer.format(inner)
    count = random.choice((2, 20, 98, 101, 400, 2000))
    joined = random.choice(("+", "*", "-", "/")).join(
        text.replace("{i}", str(i)) for i in range(1, count + 1)
    )
    return "u_t = " + joined


def _nested(random: Random) -> str:
    """One pattern inside itself."""
    opening, closing = random.choice(
        (
            *(("sin(", ")"), ("exp(", ")"), ("tanh(u+", ")"), ("1/(u+", ")"), ("(u+", ")**2")),
            *(("d_dx(u*", ")"), ("laplace(x*", ")"), ("-", ""), ("(", ")"), ("cos(x*", "*u)")),
            *(("1/(1+1/(u_x+", "))"), ("(u+sin(", "))**2"), ("exp(u_x*", ")/(1+u)"), ("2**", "")),
            *(("exp(u+", ")*u"), ("sin(u-", ")+u"), ("tanh(", "*u+u_x)"), ("u/(", "+1/u)")),
        )
    )
    times = random.choice((1, 2, 3, 4, 6, 8, 12, 19, 20, 25, 30, 58, 61, 200, 5000))
    return "u_t = " + opening * times + random.choice(JETS) + closing * times


def _powers(random: Random) -> str:
    """High powers, and products and powers of these."""
    base = random.choice(("u", "10", "1e30", "(u+x)", "(u*u_x)", "0.1", "(1+sin(x))", "exp(u)"))
    text = base
    for _ in range(random.randint(1, 5)):
        other = random.choice(("u", "u_x", base))
        text = random.choice((f"({text})**{random.randint(2, 17)}", f"{text}*{other}**16"))
    return "u_t = " + text


def _mutated(random: Random) -> str:
    """A good equation with odd pieces in it."""
    text = list(random.choice(GOOD))
    for _ in range(random.randint(1, 4)):
        place = random.randrange(len(text) + 1)
        piece = random.choice(
            [*ODD, *NUMBERS, *"=()+-*/^,.:_", "u_t", "__import__('os')", "lambda"]
        )
        text[place : place + random.randint(0, 2)] = piece
    return "".join(text)


def _glued(random: Random) -> str:
    """Pieces of equations in any order."""
    pieces = [
        *JETS,
        *(f"{each}(" for each in FUNCTIONS),
        *"=()+-*/^,",
        *NUMBERS,
        "u_t",
        "v_x",
        "nu",
    ]
    return "u_t = " + "".join(random.choice(pieces) for _ in range(random.randint(1, 24)))


SMALL = (
    *("--grid", "16", "--trajectories", "1", "--frames", "3", "--dt", "0.01", "--refine", "1"),
    *("--substeps", "4"),
)
NUMERIC = ("--grid", "--trajectories", "--frames", "--dt", "--refine", "--substeps", "--noise")
NUMERIC += ("--seed", "--lengths", "--order", "--missing")


def command_line(random: Random, folder: str, data: str, run: str) -> list[str]:
    """The words of a command in which one is hostile; every result belongs into `folder`.

    data: a small data file; run: a trained run of it.
    """
    out = f"{folder}/out"
    kind = random.random()
    if kind < 0.5:
        return ["simulate", "--pde", equation(random), *SMALL, "-o", f"{out}.h5"]
    if kind < 0.65:
        words = ["simulate", "--pde", "u_t = 0.1*u_xx - 0.5*u_x", *SMALL, "-o", f"{out}.h5"]
        return [*words, random.choice(NUMERIC), number(random)]
    if kind < 0.72:
        words = ["simulate", "--pde", f"u_t = {random.choice(('nu', 'a'))}*u_xx", *SMALL]
        value = f"{random.choice(('nu', 'a', 'x', name(random)))}={number(random)}"
        return [*words, "--param", value, "-o", f"{out}.h5"]
    if kind < 0.78:
        ends = random.choice(("x:dirichlet=", "neumann=", "x:periodic,dirichlet=", name(random)))
        words = ["simulate", "--pde", "u_t = u_xx", *SMALL, "-o", f"{out}.h5"]
        return [*words, "--boundary", ends + number(random)]
    if kind < 0.83:
        place = f"{folder}/{name(random)}".replace("..", "_").replace("/dev/", "_")
        return ["simulate", "--pde", "u_t = u_xx", *SMALL, "-o", place]
    if kind < 0.9:
        option = random.choice(("--times", "--trajectories", "--seed", "--noise", "--refine"))
        few = ["--trajectories", "1", "--times", "1"]
        return ["predict", run, *few, "-o", out, option, number(random)]
    if kind < 0.95:
        option = random.choice(("--noise", "--order", "--memory", "--seed", "--device"))
        words = ["refine", data, "--pde", random.choice(GOOD[:1]), "--keep-terms"]
        return [*words, option, number(random)]
    command = random.choice(("info", "train", "extract", "refine", "predict", "discover", "study"))
    words = [name(random) for _ in range(random.randint(1, 3))]
    places = ["-o", out] if command in ("train", "discover", "study", "predict", "refine") else []
    return [random.choice((command, command, words[0])), *words, *places]
