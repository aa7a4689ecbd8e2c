"""The HTTP API of `webiml serve`: pictures and pairs in, masks out.

api         the routes, and the application that others mount
routes      what stands around them: counts, HEAD and OPTIONS, the last resort
uploads     the body of a request, within its limits
admission   how many requests and bytes are taken in at a time
workers     processes that do the work; `work` is what they do
results     maps that links in answers lead to
keep        pictures and results in a folder, where the operator wants that
answers     what is answered, for programs (OpenAPI)
metrics     numbers for Prometheus
files       pages and their files
"""
