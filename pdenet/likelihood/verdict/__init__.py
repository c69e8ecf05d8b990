"""How near a fit is to its data, how sure its coefficients are, and whether the data decide."""

__all__: list[str] = []
