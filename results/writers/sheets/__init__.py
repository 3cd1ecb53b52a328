"""The workbook's sheets, one module a theme."""
