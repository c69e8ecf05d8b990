"""What each command takes: its options and its help. Nothing heavy is imported here."""

__all__: list[str] = []
