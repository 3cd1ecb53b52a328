/* An execution provider for ONNX Runtime in the small, that the tests build in several ways (-D...).
 *
 * It stands in for IREE's plug-in at its edge: the same entry points, the same registration and device metadata, nodes
 * fused and compiled. Only what the tests call is declared. ONNX Runtime's tables of functions grow at their end only,
 * so that a function is known by its place, which is that of onnxruntime_c_api.h and onnxruntime_ep_c_api.h.
 */
#include <math.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#define API_VERSION 24
#ifndef SCALE
#define SCALE 1
#endif

typedef void (*Function)(void); /* matches every type of function */
typedef struct {
  const Function *(*GetApi)(uint32_t version);
  const char *(*GetVersionString)(void);
} ApiBase;

/* Places in OrtApi. */
enum {
  CREATE_STATUS = 0,
  TENSOR_DATA = 51,
  DIMENSIONS_COUNT = 61,
  DIMENSIONS = 62,
  ELEMENT_COUNT = 64,
  TYPE_AND_SHAPE = 65,
  CONTEXT_INPUT = 90,
  CONTEXT_OUTPUT = 91,
  RELEASE_TYPE_AND_SHAPE = 99,
  CONFIG_ENTRY = 238,
  CREATE_PAIRS = 295,
  ADD_PAIR = 296,
  RELEASE_PAIRS = 300,
  EP_API = 317,
  GRAPH_NUM_NODES = 344,
  GRAPH_NODES = 345,
  NODE_OPERATOR = 350,
};
/* Places in OrtEpApi. */
enum { CREATE_EP_DEVICE = 0, ADD_NODES_TO_FUSE = 2, CREATE_HARDWARE_DEVICE = 16 };
enum { STATUS_FAIL = 1, DEVICE_GPU = 1, VENDOR = 0x4952 };

static const Function *api, *ep_api;

#define CALL(table, place, result, ...) ((result(*)(__VA_ARGS__))(table)[place])

static void *failure(const char *message) {
  return CALL(api, CREATE_STATUS, void *, int, const char *)(STATUS_FAIL, message);
}

/* OrtNodeComputeInfo: SCALE |x| of one tensor of floats. */
typedef struct {
  uint32_t version;
  void *(*CreateState)(void *self, void *context, void **state);
  void *(*Compute)(void *self, void *state, void *context);
  void (*ReleaseState)(void *self, void *state);
} Compute;

static void *create_state(void *self, void *context, void **state) {
  (void)self, (void)context;
  *state = NULL;
  return NULL;
}

static void release_state(void *self, void *state) { (void)self, (void)state; }

static void *compute(void *self, void *state, void *context) {
  (void)self, (void)state;
#ifdef CRASH_IN_RUN
  *(volatile int *)8 = 1;
#endif
  const void *input = NULL;
  void *shape = NULL, *output = NULL;
  const float *from = NULL;
  float *to = NULL;
  size_t rank = 0, count = 0;
  int64_t sizes[8] = {0};
  CALL(api, CONTEXT_INPUT, void *, void *, size_t, const void **)(context, 0, &input);
  CALL(api, TYPE_AND_SHAPE, void *, const void *, void **)(input, &shape);
  CALL(api, DIMENSIONS_COUNT, void *, void *, size_t *)(shape, &rank);
  CALL(api, DIMENSIONS, void *, void *, int64_t *, size_t)(shape, sizes, rank);
  CALL(api, ELEMENT_COUNT, void *, void *, size_t *)(shape, &count);
  CALL(api, RELEASE_TYPE_AND_SHAPE, void, void *)(shape);
  CALL(api, CONTEXT_OUTPUT, void *, void *, size_t, const int64_t *, size_t, void **)(context, 0, sizes, rank, &output);
  CALL(api, TENSOR_DATA, void *, void *, void **)((void *)input, (void **)&from);
  CALL(api, TENSOR_DATA, void *, void *, void **)(output, (void **)&to);
  for (size_t i = 0; i < count; i++) to[i] = SCALE * fabsf(from[i]);
  return NULL;
}

/* OrtEp. Its later members stay NULL. */
typedef struct {
  uint32_t version;
  const char *(*GetName)(const void *self);
  void *(*GetCapability)(void *self, const void *graph, void *info);
  void *(*Compile)(void *self, const void **graphs, const void **nodes, size_t count, Compute **made, void **contexts);
  void (*ReleaseNodeComputeInfos)(void *self, Compute **made, size_t count);
  Function rest[27];
} Provider;

static char name[64];

static const char *get_name(const void *self) {
  (void)self;
  return name;
}

/* Takes nodes of the operator Abs, each by itself, and leaves the others. */
static void *get_capability(void *self, const void *graph, void *info) {
  (void)self;
  size_t count = 0;
  CALL(api, GRAPH_NUM_NODES, void *, const void *, size_t *)(graph, &count);
  const void **nodes = calloc(count + 1, sizeof *nodes);
  CALL(api, GRAPH_NODES, void *, const void *, const void **, size_t)(graph, nodes, count);
  void *status = NULL;
  for (size_t i = 0; i < count && status == NULL; i++) {
    const char *operator= NULL;
    CALL(api, NODE_OPERATOR, void *, const void *, const char **)(nodes[i], &operator);
    if (strcmp(operator, "Abs") == 0)
      status = CALL(ep_api, ADD_NODES_TO_FUSE, void *, void *, const void *const *, size_t, const void *)(
          info, &nodes[i], 1, NULL);
  }
  free(nodes);
  return status;
}

static void *compile(void *self, const void **graphs, const void **nodes, size_t count, Compute **made,
                     void **contexts) {
  (void)self, (void)graphs, (void)nodes, (void)contexts;
#ifdef COMPILE_COMMAND
  if (system(COMPILE_COMMAND) != 0) return failure("the compiler failed");
#endif
#ifdef HANG_IN_COMPILE
  for (;;) continue;
#endif
  for (size_t i = 0; i < count; i++) {
    made[i] = calloc(1, sizeof *made[i]);
    *made[i] = (Compute){API_VERSION, create_state, compute, release_state};
  }
  return NULL;
}

static void release_computes(void *self, Compute **made, size_t count) {
  (void)self;
  for (size_t i = 0; i < count; i++) free(made[i]);
}

/* OrtEpFactory. */
typedef struct {
  uint32_t version;
  const char *(*GetName)(const void *self);
  const char *(*GetVendor)(const void *self);
  void *(*GetSupportedDevices)(void *self, const void *const *devices, size_t count, void **made, size_t most,
                               size_t *number);
  void *(*CreateEp)(void *self, const void *const *devices, const void *const *pairs, size_t count,
                    const void *options, const void *logger, Provider **made);
  void (*ReleaseEp)(void *self, Provider *provider);
  uint32_t (*GetVendorId)(const void *self);
  const char *(*GetVersion)(const void *self);
  Function validate;
  void *(*CreateAllocator)(void *self, const void *memory, const void *options, void **made);
  void (*ReleaseAllocator)(void *self, void *allocator);
  void *(*CreateDataTransfer)(void *self, void **made);
  bool (*IsStreamAware)(const void *self);
  Function rest[16];
} Factory;

static const char *get_vendor(const void *self) {
  (void)self;
  return "tests";
}
static const char *get_version(const void *self) {
  (void)self;
  return "0.0.7";
}
static uint32_t get_vendor_id(const void *self) {
  (void)self;
  return VENDOR;
}
static bool no_streams(const void *self) {
  (void)self;
  return false;
}
static void *no_allocator(void *self, const void *memory, const void *options, void **made) {
  (void)self, (void)memory, (void)options;
  *made = NULL;
  return NULL;
}
static void release_allocator(void *self, void *allocator) { (void)self, (void)allocator; }
static void *no_transfer(void *self, void **made) {
  (void)self;
  *made = NULL;
  return NULL;
}

static void *get_devices(void *self, const void *const *devices, size_t count, void **made, size_t most,
                         size_t *number) {
  (void)devices, (void)count, (void)most;
  *number = 0;
#ifdef DRIVER
  void *pairs = NULL, *hardware = NULL;
  CALL(api, CREATE_PAIRS, void, void **)(&pairs);
  CALL(api, ADD_PAIR, void, void *, const char *, const char *)(pairs, "iree.driver", DRIVER);
  CALL(api, ADD_PAIR, void, void *, const char *, const char *)(pairs, "iree.device_path", "");
  void *status = CALL(ep_api, CREATE_HARDWARE_DEVICE, void *, int, uint32_t, uint32_t, const char *, const void *,
                      void **)(DEVICE_GPU, VENDOR, 0, "tests", pairs, &hardware);
  CALL(api, RELEASE_PAIRS, void, void *)(pairs);
  if (status != NULL) return status;
  *number = 1;
  return CALL(ep_api, CREATE_EP_DEVICE, void *, void *, const void *, const void *, const void *, void **)(
      self, hardware, NULL, NULL, &made[0]);
#else
  (void)self, (void)made;
  return NULL;
#endif
}

static void *create_ep(void *self, const void *const *devices, const void *const *pairs, size_t count,
                       const void *options, const void *logger, Provider **made) {
  (void)self, (void)devices, (void)pairs, (void)count, (void)logger;
  char level[16] = "";
  size_t size = sizeof level;
  CALL(api, CONFIG_ENTRY, void *, const void *, const char *, char *, size_t *)(options, "ep.iree.target_arch", level,
                                                                               &size);
  if (level[0] == 0) return failure("'target_arch' option must be specified");
  *made = calloc(1, sizeof **made);
  (*made)->version = API_VERSION;
  (*made)->GetName = get_name;
  (*made)->GetCapability = get_capability;
  (*made)->Compile = compile;
  (*made)->ReleaseNodeComputeInfos = release_computes;
  return NULL;
}

static void release_ep(void *self, Provider *provider) {
  (void)self;
  free(provider);
}

static Factory factory = {
    .version = API_VERSION,
    .GetName = get_name,
    .GetVendor = get_vendor,
    .GetSupportedDevices = get_devices,
    .CreateEp = create_ep,
    .ReleaseEp = release_ep,
    .GetVendorId = get_vendor_id,
    .GetVersion = get_version,
    .CreateAllocator = no_allocator,
    .ReleaseAllocator = release_allocator,
    .CreateDataTransfer = no_transfer,
    .IsStreamAware = no_streams,
};

void *CreateEpFactories(const char *registered, const ApiBase *base, const void *logger, Factory **factories,
                        size_t most, size_t *number) {
  (void)logger, (void)most;
#ifdef CRASH_AT_LOAD
  *(volatile int *)8 = 1;
#endif
  api = base->GetApi(API_VERSION);
  ep_api = ((const Function *(*)(void))api[EP_API])();
#ifdef REFUSE
  *number = 0;
  return failure(REFUSE);
#endif
  strncpy(name, registered, sizeof name - 1);
  factories[0] = &factory;
  *number = 1;
  return NULL;
}

void *ReleaseEpFactory(Factory *released) {
  (void)released;
  return NULL;
}
