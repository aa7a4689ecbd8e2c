"""Pictures in, forged pairs with exact masks out."""
