"""Pages made here, with what is written on them known to the letter: letters, receipts, tables, forms, cards."""
