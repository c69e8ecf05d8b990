"""Differentiable building blocks: moment-constrained filters, pseudo-upwind, symbolic networks."""
