"""Turns stored records into what people see: statuses and reports."""
