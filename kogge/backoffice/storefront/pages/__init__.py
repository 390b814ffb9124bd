"""The pages of the storefront, for everybody, and the merchant's page that sets it up."""
