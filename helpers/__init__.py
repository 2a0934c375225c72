"""Helpers of the recombination workbook: one room per idea, imports point downwards."""
