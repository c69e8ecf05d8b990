"""Right-hand sides that are linear in their coefficients: u_t = Σ_j θ_j B_j(x) m_j(jets of u)."""

from pdenet.library.product import Product
from pdenet.library.terms import Library, Term

__all__ = ["Library", "Product", "Term"]
