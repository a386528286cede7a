/* The C interface of the bitshuffle library, as both Python packages that carry it export it. */
int64_t bshuf_compress_lz4(const void *in, void *out, size_t size, size_t elem_size, size_t block_size);
int64_t bshuf_decompress_lz4(const void *in, void *out, size_t size, size_t elem_size, size_t block_size);
size_t bshuf_compress_lz4_bound(size_t size, size_t elem_size, size_t block_size);
/* Only where the library was built with OpenMP. */
void omp_set_num_threads(int n_threads);
