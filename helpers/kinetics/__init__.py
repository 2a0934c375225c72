"""What carriers do: rate laws, their solutions and their sensitivities.

law             `Law`: what the fit asks of any law
rate_law        `RateLaw`, `Rates`, `solve`: dn/dt = G − k1·n − k2·n² − k3·n³, exact
exact_solution  the integrals behind it
equation        `Equation`: any function f(t, n, args) that the user writes
integration     its solutions by LSODA
traps           `TrapLaw`: finite traps with release, of two states
collocation     its solutions with sensitivities
"""

from helpers.kinetics.equation import Equation
from helpers.kinetics.law import Coefficient, Law
from helpers.kinetics.rate_law import (
    RATES,
    RateLaw,
    Rates,
    checked_density,
    density_of_best_yield,
    equilibrium,
    four_rates,
    internal_quantum_yield,
    natural_rates,
    rate_terms,
    shares,
    solve,
    solve_with_jacobian,
)
from helpers.kinetics.traps import TrapLaw

__all__ = [
    "RATES",
    "Coefficient",
    "Equation",
    "Law",
    "RateLaw",
    "Rates",
    "TrapLaw",
    "checked_density",
    "density_of_best_yield",
    "equilibrium",
    "four_rates",
    "internal_quantum_yield",
    "natural_rates",
    "rate_terms",
    "shares",
    "solve",
    "solve_with_jacobian",
]
