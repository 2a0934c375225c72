"""A film in depth: simulated traces, closed forms, and what a film adds to fitted rates.

simulate  `simulate_film`: traces of a film with depth, surfaces, traps, spot and instrument
depth     the densities n(z, t) behind it
detector  response with a tail, pile-up
linear    closed forms: levelling time, rate of two surfaces
"""

from helpers.film.depth import Decay, Film, Traps, solve_film
from helpers.film.linear import levelling_time, surface_rate, surface_velocity
from helpers.film.simulate import Instrument, rings, simulate_film

__all__ = [
    "Decay",
    "Film",
    "Instrument",
    "Traps",
    "levelling_time",
    "rings",
    "simulate_film",
    "solve_film",
    "surface_rate",
    "surface_velocity",
]
