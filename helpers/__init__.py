"""Helpers of the recombination workbook: one room per idea, imports point downwards only.

The notebooks open these doors; behind each stand the rooms that it needs.

traces        `Trace`, `load_trace`; a file is understood or refused by row in columns, reading,
              dialects, texts
kinetics      `Rates`, `solve`, `solve_with_jacobian`; the integrals are in exact_solution
equations     `solve` and `fit` for an equation of one's own; the ODE solver is in integration
guesses       `suggest`, `load`, `save`; what is in a JSON file is checked in entries
fitting       `fit`, `fit_from_guesses` on least_squares; `fit_series` from series, series_model,
              series_fit, observables, pulses, separable
uncertainty   `profile`, `bootstrap`, `compare_terms`, `advise`; in profiles, profile_path,
              model_choice, advice, series_advice
records       `save`, `load` of .par files
excitation    from a laser pulse to a density; units: from the data's units to cm and s
plots         figures of one trace; plots_errors and plots_physics the others; slopes, valley
bench         `MeasurementPanel`, the sliders; kept_guesses: what is kept with its button
remainder     the Keras studies, apart from the rest: with digits, digit_networks, network_plots, backend
"""
