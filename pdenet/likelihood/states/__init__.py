"""What evolves: states, given fields and what acts around a window; rollouts and derivatives."""

__all__: list[str] = []
