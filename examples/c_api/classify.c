/* Classifies with a .lutra model, from C: opens the model, asks for the memory it needs, runs every
 * sample of a file, and prints the best class of each (and, with labels, how many are right).
 *
 *   classify MODEL.lutra SAMPLES [LABELS] [--threads N] [--quiet]
 *
 * SAMPLES is a float32 .npy whose first dimension counts samples, in the shape and order of the
 * ONNX graph, or a file of raw float32 values, one sample after another. LABELS is a file of one
 * byte per sample. Exit status 0, or 1 with one line that says what is wrong.
 */
#include <lutra/lutra.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static int fail(const char* what, const char* why) {
  fprintf(stderr, "classify: %s: %s\n", what, why);
  return 1;
}

/* The whole file, with a terminating zero; NULL if it cannot be read. */
static unsigned char* read_file(const char* path, size_t* size) {
  FILE* file = fopen(path, "rb");
  unsigned char* bytes = NULL;
  if (file == NULL) return NULL;
  if (fseek(file, 0, SEEK_END) == 0) {
    const long length = ftell(file);
    rewind(file);
    if (length >= 0) bytes = malloc((size_t)length + 1);
    if (bytes != NULL && fread(bytes, 1, (size_t)length, file) == (size_t)length) {
      bytes[length] = 0;
      *size = (size_t)length;
    } else {
      free(bytes);
      bytes = NULL;
    }
  }
  fclose(file);
  return bytes;
}

/* Where the values begin in the file: after a .npy header (of little-endian float32 in C order), or
 * at once. 0 on a header of another kind. */
static int find_values(const unsigned char* bytes, size_t size, size_t* begin) {
  static const char magic[] = "\x93NUMPY";
  size_t header, text;
  *begin = 0;
  if (size < 12 || memcmp(bytes, magic, 6) != 0) return 1;
  text = bytes[6] == 1 ? 10 : 12;
  header = (size_t)bytes[8] | (size_t)bytes[9] << 8;
  if (bytes[6] != 1) header |= (size_t)bytes[10] << 16 | (size_t)bytes[11] << 24;
  if (header > size - text) return 0;
  *begin = text + header;
  return strstr((const char*)bytes + text, "'<f4'") != NULL &&
         strstr((const char*)bytes + text, "'fortran_order': False") != NULL;
}

static size_t best_class(const float* scores, size_t count) {
  size_t best = 0, i;
  for (i = 1; i < count; ++i) {
    if (scores[i] > scores[best]) best = i;
  }
  return best;
}

/* Runs all samples; returns the exit status. */
static int classify(lutra_context* context, const lutra_port* input, const lutra_port* output,
                    const float* values, size_t samples, const unsigned char* labels, int quiet) {
  lutra_error error;
  float* scores = malloc(output->elements * sizeof(float));
  size_t right = 0, i;
  lutra_error_init(&error);
  if (scores == NULL) return fail("scores", "out of memory");
  for (i = 0; i < samples; ++i) {
    size_t best;
    if (lutra_context_set_input(context, 0, LUTRA_FLOAT32, values + i * input->elements,
                                input->elements * sizeof(float), &error) != LUTRA_OK ||
        lutra_context_run(context, &error) != LUTRA_OK ||
        lutra_context_get_output(context, 0, LUTRA_FLOAT32, scores,
                                 output->elements * sizeof(float), &error) != LUTRA_OK) {
      free(scores);
      return fail("run", error.message);
    }
    best = best_class(scores, output->elements);
    if (!quiet) printf("%zu: class %zu, score %g\n", i, best, (double)scores[best]);
    if (labels != NULL && labels[i] == best) ++right;
  }
  if (labels != NULL) {
    printf("%zu of %zu right (%.2f %%)\n", right, samples, 100.0 * (double)right / (double)samples);
  }
  free(scores);
  return 0;
}

static int run(const char* model_path, const char* samples_path, const char* labels_path,
               size_t threads, int quiet) {
  lutra_model* model = NULL;
  lutra_context* context = NULL;
  lutra_options options;
  lutra_error error;
  lutra_port input, output;
  size_t bytes = 0, begin = 0, label_bytes = 0, samples = 0;
  unsigned char* file = NULL;
  unsigned char* labels = NULL;
  int status = 1;

  lutra_port_init(&input);
  lutra_port_init(&output);
  lutra_error_init(&error);
  lutra_options_init(&options);
  options.threads = threads;
  if (lutra_model_open_file(model_path, &options, &model, &error) != LUTRA_OK ||
      lutra_model_input(model, 0, &input, &error) != LUTRA_OK ||
      lutra_model_output(model, 0, &output, &error) != LUTRA_OK ||
      lutra_context_create(model, &options, &context, &error) != LUTRA_OK) {
    fail("model", error.message);
    goto end;
  }
  file = read_file(samples_path, &bytes);
  if (file == NULL) {
    fail(samples_path, "cannot be read");
    goto end;
  }
  if (!find_values(file, bytes, &begin)) {
    fail(samples_path, "is not a .npy of little-endian float32 in C order");
    goto end;
  }
  samples = (bytes - begin) / (input.elements * sizeof(float));
  if (samples == 0 || samples * input.elements * sizeof(float) != bytes - begin) {
    fail(samples_path, "does not hold a whole number of samples of the model's input");
    goto end;
  }
  if (labels_path != NULL) {
    labels = read_file(labels_path, &label_bytes);
    if (labels == NULL || label_bytes != samples) {
      fail(labels_path, labels == NULL ? "cannot be read" : "needs one byte for every sample");
      goto end;
    }
  }
  /* A .npy header is a multiple of 16 bytes long, so the values are aligned. */
  status = classify(context, &input, &output, (const float*)(const void*)(file + begin), samples,
                    labels, quiet);
end:
  free(labels);
  free(file);
  lutra_context_destroy(context);
  lutra_model_close(model);
  return status;
}

int main(int argc, char** argv) {
  const char* paths[3] = {NULL, NULL, NULL};
  size_t count = 0, threads = 1;
  int quiet = 0, i;
  for (i = 1; i < argc; ++i) {
    if (strcmp(argv[i], "--quiet") == 0) {
      quiet = 1;
    } else if (strcmp(argv[i], "--threads") == 0 && i + 1 < argc) {
      threads = (size_t)strtoul(argv[++i], NULL, 10);
    } else if (argv[i][0] != '-' && count < 3) {
      paths[count++] = argv[i];
    } else {
      count = 0;
      break;
    }
  }
  if (count < 2) {
    fprintf(stderr, "usage: classify MODEL.lutra SAMPLES [LABELS] [--threads N] [--quiet]\n");
    return 2;
  }
  return run(paths[0], paths[1], paths[2], threads, quiet);
}
