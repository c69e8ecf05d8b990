"""Which terms: proposed by regressions of the data, kept where the likelihood asks for them."""

__all__: list[str] = []
