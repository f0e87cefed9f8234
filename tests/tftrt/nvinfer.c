/* A libnvinfer that knows its version and has no plug-ins: TF-TRT then cuts graphs into segments, and builds no engine.
 *
 * TensorRT's own library comes with no package that tests could install. VERSION is as NvInferVersion.h composes it.
 * Without VERSION it is a library that TensorFlow finds and that is none of TensorRT's.
 */
#include <stddef.h>
#include <stdint.h>

#ifdef VERSION
static void nothing(void) {}

static void *const *no_creators(const void *registry, int32_t *count) {
    (void)registry;
    *count = 0;
    return NULL;
}

/* The methods of nvinfer1::IPluginRegistry, of which TF-TRT calls the second. */
static void (*const methods[])(void) = {
    nothing, (void (*)(void))no_creators, nothing, nothing, nothing, nothing, nothing, nothing,
    nothing, nothing, nothing, nothing, nothing, nothing, nothing, nothing,
};
static const struct {
    void (*const *table)(void);
} registry = {methods};

int32_t getInferLibVersion(void) { return VERSION; }
const void *getPluginRegistry(void) { return &registry; }
const void *getBuilderPluginRegistry(int32_t capability) { (void)capability; return &registry; }
void *getLogger(void) { return NULL; }
void *createInferBuilder_INTERNAL(void *logger, int32_t version) { (void)logger; (void)version; return NULL; }
void *createInferRuntime_INTERNAL(void *logger, int32_t version) { (void)logger; (void)version; return NULL; }
void *createInferRefitter_INTERNAL(void *engine, void *logger, int32_t version) {
    (void)engine; (void)logger; (void)version;
    return NULL;
}
_Bool initLibNvInferPlugins(void *logger, const char *space) { (void)logger; (void)space; return 1; }
#endif
