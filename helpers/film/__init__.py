"""A film in depth: simulated traces, closed forms, and what a film adds to fitted rates.

rate_notes  `notes`: what the rates of a fit hold, from what is known of film, spot and counting
simulate    `simulate_film`: traces of a film with depth, surfaces, traps, spot and instrument
depth       the densities n(z, t) behind it
detector    response with a tail, pile-up
linear      closed forms: levelling time, rate of two surfaces
"""

from helpers.film.depth import Decay, Film, Traps, solve_film
from helpers.film.linear import levelling_time, surface_rate, surface_velocity
from helpers.film.rate_notes import Note, notes
from helpers.film.simulate import Instrument, rings, simulate_film

__all__ = [
    "Decay",
    "Film",
    "Instrument",
    "Note",
    "Traps",
    "levelling_time",
    "notes",
    "rings",
    "simulate_film",
    "solve_film",
    "surface_rate",
    "surface_velocity",
]
