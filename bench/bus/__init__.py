"""The bus beside what one would otherwise use."""
