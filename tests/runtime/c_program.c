/* See c_program.h. */
#include "runtime/c_program.h"

#include <stdlib.h>
#include <string.h>

size_t c_program_layout(size_t* out) {
  const size_t layout[] = {LUTRA_LAYOUT};
  memcpy(out, layout, sizeof(layout));
  return sizeof(layout) / sizeof(layout[0]);
}

static lutra_status run(const void* bytes, size_t size, size_t* elements, lutra_error* error) {
  lutra_model* model = NULL;
  lutra_context* context = NULL;
  lutra_options options;
  lutra_memory need;
  lutra_port input;
  lutra_port output;
  float* values = NULL;
  lutra_status status;
  lutra_options_init(&options);
  lutra_memory_init(&need);
  lutra_port_init(&input);
  lutra_port_init(&output);
  status = lutra_requirements(bytes, size, &options, &need, error);
  if (!status) status = lutra_model_open_buffer(bytes, size, &options, &model, error);
  if (!status) status = lutra_model_input(model, 0, &input, error);
  if (!status) status = lutra_model_output(model, 0, &output, error);
  if (!status) status = lutra_context_create(model, &options, &context, error);
  if (!status) {
    const size_t most = input.elements > output.elements ? input.elements : output.elements;
    values = (float*)calloc(most, sizeof(float));
    if (values == NULL) status = LUTRA_OUT_OF_MEMORY;
  }
  if (!status) {
    status = lutra_context_set_input(context, 0, LUTRA_FLOAT32, values,
                                     input.elements * sizeof(float), error);
  }
  if (!status) status = lutra_context_run(context, error);
  if (!status) {
    status = lutra_context_get_output(context, 0, LUTRA_FLOAT32, values,
                                      output.elements * sizeof(float), error);
  }
  *elements = output.elements;
  free(values);
  lutra_context_destroy(context);
  lutra_model_close(model);
  return status;
}

int c_program_run(const void* bytes, size_t size, char* message) {
  size_t elements = 0;
  lutra_status status;
  lutra_error error;
  lutra_error_init(&error);
  status = run(bytes, size, &elements, &error);
  strcpy(message, error.message);
  return status == LUTRA_OK ? (int)elements : -(int)status;
}
