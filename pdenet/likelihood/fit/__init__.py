"""Coefficients and states by Gauss–Newton: normal equations without the states, step by step."""

__all__: list[str] = []
