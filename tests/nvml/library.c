/* A scripted NVML: the GPUs that the file `state` beside this library describes, read anew at every call.
 *
 * A line is KEY VALUE: `driver 580.95.05`, `cuda 13000`, `0.uuid GPU-…`, `0.name NVIDIA L4`, `1.processes 4711:1048576`.
 * There are as many GPUs as have a uuid. The word `pinned` among the processes stands for all whose CUDA_VISIBLE_DEVICES
 * is that GPU. `fail.FUNCTION 15` has nvmlDeviceFUNCTION answer that error, `fail_init 9` nvmlInit; `0.lost 1` has every
 * call on that GPU answer that it is lost. `0.instances MIG-a,MIG-b` divides it.
 */
#define _GNU_SOURCE
#include <ctype.h>
#include <dirent.h>
#include <dlfcn.h>
#include <libgen.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

enum { SUCCESS = 0, UNINITIALIZED = 1, INVALID_ARGUMENT = 2, NOT_SUPPORTED = 3, NOT_FOUND = 6, INSUFFICIENT_SIZE = 7,
       GPU_IS_LOST = 15 };
enum { MOST_GPUS = 8, MOST_INSTANCES = 7, LINE = 1024 };

typedef struct { int gpu, instance; } *Device; /* instance is -1 for the whole GPU */
typedef struct { unsigned pid; unsigned long long bytes; unsigned gpu_instance, compute_instance; } Process;

static struct { int gpu, instance; } handles[MOST_GPUS][MOST_INSTANCES + 1];
static int users;

static int line_of(const char *key, char *value)
{
    Dl_info library;
    char path[LINE], folder[LINE], line[LINE];
    size_t length = strlen(key);
    int found = 0;

    if (!dladdr((void *)line_of, &library))
        return 0;
    snprintf(folder, sizeof folder, "%s", library.dli_fname);
    snprintf(path, sizeof path, "%s/state", dirname(folder));
    FILE *state = fopen(path, "r");
    while (state && fgets(line, sizeof line, state))
        if (!strncmp(line, key, length) && line[length] == ' ') {
            line[strcspn(line, "\n")] = '\0';
            strcpy(value, line + length + 1);
            found = 1;
        }
    if (state)
        fclose(state);
    return found;
}

static int of_gpu(int gpu, const char *name, char *value)
{
    char key[LINE];
    snprintf(key, sizeof key, "%d.%s", gpu, name);
    return line_of(key, value);
}

static unsigned long long number(Device device, const char *name, unsigned long long otherwise)
{
    char value[LINE];
    return of_gpu(device->gpu, name, value) ? strtoull(value, NULL, 0) : otherwise;
}

static int instance_uuid(int gpu, int instance, char *uuid)
{
    char value[LINE], *rest = value, *each;
    if (!of_gpu(gpu, "instances", value))
        return 0;
    for (int index = 0; (each = strsep(&rest, ",")); index++)
        if (index == instance) {
            strcpy(uuid, each);
            return 1;
        }
    return 0;
}

static Device handle(int gpu, int instance)
{
    handles[gpu][instance + 1].gpu = gpu;
    handles[gpu][instance + 1].instance = instance;
    return (Device)&handles[gpu][instance + 1];
}

static int refusal(Device device, const char *function)
{
    char key[LINE], value[LINE];
    if (!users)
        return UNINITIALIZED;
    if (number(device, "lost", 0))
        return GPU_IS_LOST;
    snprintf(key, sizeof key, "fail.%s", function);
    return line_of(key, value) ? atoi(value) : SUCCESS;
}

#define REFUSE(function) \
    do { \
        int refused = refusal(device, function); \
        if (refused) \
            return refused; \
    } while (0)

static int copied(const char *value, char *target, unsigned size)
{
    if (strlen(value) >= size)
        return INSUFFICIENT_SIZE;
    strcpy(target, value);
    return SUCCESS;
}

static int text(Device device, const char *name, char *target, unsigned size)
{
    char value[LINE];
    return of_gpu(device->gpu, name, value) ? copied(value, target, size) : NOT_SUPPORTED;
}

int nvmlInitWithFlags(unsigned flags)
{
    char value[LINE];
    (void)flags;
    if (line_of("fail_init", value))
        return atoi(value);
    users++;
    return SUCCESS;
}

int nvmlInit_v2(void) { return nvmlInitWithFlags(0); }

int nvmlShutdown(void)
{
    if (!users)
        return UNINITIALIZED;
    users--;
    return SUCCESS;
}

const char *nvmlErrorString(int error) { (void)error; return "scripted error"; }

int nvmlSystemGetDriverVersion(char *target, unsigned size)
{
    char value[LINE] = "580.95.05";
    line_of("driver", value);
    return copied(value, target, size);
}

int nvmlSystemGetCudaDriverVersion_v2(int *version)
{
    char value[LINE] = "13000";
    line_of("cuda", value);
    *version = atoi(value);
    return SUCCESS;
}

int nvmlDeviceGetCount_v2(unsigned *count)
{
    char value[LINE];
    if (!users)
        return UNINITIALIZED;
    for (*count = 0; *count < MOST_GPUS && of_gpu(*count, "uuid", value); ++*count)
        ;
    return SUCCESS;
}

int nvmlDeviceGetHandleByIndex_v2(unsigned index, Device *device)
{
    unsigned count;
    int refused = nvmlDeviceGetCount_v2(&count);
    if (refused)
        return refused;
    if (index >= count)
        return INVALID_ARGUMENT;
    *device = handle(index, -1);
    return number(*device, "lost", 0) ? GPU_IS_LOST : SUCCESS;
}

int nvmlDeviceGetUUID(Device device, char *target, unsigned size)
{
    char value[LINE];
    REFUSE("GetUUID");
    if (device->instance < 0)
        return text(device, "uuid", target, size);
    return instance_uuid(device->gpu, device->instance, value) ? copied(value, target, size) : NOT_FOUND;
}

int nvmlDeviceGetHandleByUUID(const char *uuid, Device *device)
{
    char value[LINE];
    unsigned count;
    int refused = nvmlDeviceGetCount_v2(&count);
    if (refused)
        return refused;
    for (unsigned gpu = 0; gpu < count; gpu++) {
        for (int instance = -1; instance < MOST_INSTANCES; instance++) {
            int is_there = instance < 0 ? of_gpu(gpu, "uuid", value) : instance_uuid(gpu, instance, value);
            if (is_there && !strcmp(value, uuid)) {
                *device = handle(gpu, instance);
                return SUCCESS;
            }
        }
    }
    return NOT_FOUND;
}

int nvmlDeviceGetMigMode(Device device, unsigned *now, unsigned *pending)
{
    char value[LINE];
    REFUSE("GetMigMode");
    if (!of_gpu(device->gpu, "mig", value))
        return NOT_SUPPORTED;
    *now = *pending = atoi(value);
    return SUCCESS;
}

int nvmlDeviceGetMaxMigDeviceCount(Device device, unsigned *count)
{
    REFUSE("GetMaxMigDeviceCount");
    *count = MOST_INSTANCES;
    return SUCCESS;
}

int nvmlDeviceGetMigDeviceHandleByIndex(Device device, unsigned index, Device *instance)
{
    char value[LINE];
    REFUSE("GetMigDeviceHandleByIndex");
    if (!instance_uuid(device->gpu, index, value))
        return NOT_FOUND;
    *instance = handle(device->gpu, index);
    return SUCCESS;
}

int nvmlDeviceGetName(Device device, char *target, unsigned size)
{
    REFUSE("GetName");
    return text(device, device->instance < 0 ? "name" : "instance_name", target, size);
}

int nvmlDeviceGetCudaComputeCapability(Device device, int *major, int *minor)
{
    REFUSE("GetCudaComputeCapability");
    *major = number(device, "capability", 90) / 10;
    *minor = number(device, "capability", 90) % 10;
    return SUCCESS;
}

int nvmlDeviceGetMemoryInfo(Device device, unsigned long long *memory)
{
    REFUSE("GetMemoryInfo");
    memory[0] = number(device, device->instance < 0 ? "memory" : "instance_memory", 24ull << 30);
    memory[2] = number(device, "used", 0);
    memory[1] = memory[0] - memory[2];
    return SUCCESS;
}

int nvmlDeviceGetEccMode(Device device, unsigned *now, unsigned *pending)
{
    char value[LINE];
    REFUSE("GetEccMode");
    if (!of_gpu(device->gpu, "ecc", value))
        return NOT_SUPPORTED;
    *now = *pending = atoi(value);
    return SUCCESS;
}

int nvmlDeviceGetNumaNodeId(Device device, unsigned *node)
{
    char value[LINE];
    REFUSE("GetNumaNodeId");
    if (!of_gpu(device->gpu, "numa_node", value))
        return NOT_SUPPORTED;
    *node = atoi(value);
    return SUCCESS;
}

int nvmlDeviceGetCpuAffinity(Device device, unsigned words, unsigned long *cores)
{
    REFUSE("GetCpuAffinity");
    memset(cores, 0, words * sizeof *cores);
    cores[0] = number(device, "cores", ~0ull);
    return SUCCESS;
}

#define NUMBER(function, name, otherwise) \
    int nvmlDevice##function(Device device, unsigned *value) \
    { \
        REFUSE(#function); \
        *value = number(device, name, otherwise); \
        return SUCCESS; \
    }
NUMBER(GetEnforcedPowerLimit, "power_limit_mw", 72000)
NUMBER(GetMaxPcieLinkGeneration, "pcie_generation", 4)
NUMBER(GetMaxPcieLinkWidth, "pcie_width", 16)
NUMBER(GetComputeMode, "compute_mode", 0)

NUMBER(GetPowerUsage, "power_mw", 60000)

int nvmlDeviceGetClockInfo(Device device, unsigned kind, unsigned *mhz)
{
    REFUSE("GetClockInfo");
    *mhz = number(device, kind == 2 ? "memory_mhz" : "sm_mhz", kind == 2 ? 6251 : 2040);
    return SUCCESS;
}

int nvmlDeviceGetTemperature(Device device, unsigned sensor, unsigned *celsius)
{
    (void)sensor;
    REFUSE("GetTemperature");
    *celsius = number(device, "temperature", 45);
    return SUCCESS;
}

int nvmlDeviceGetCurrentClocksEventReasons(Device device, unsigned long long *reasons)
{
    REFUSE("GetCurrentClocksEventReasons");
    *reasons = number(device, "reasons", 0);
    return SUCCESS;
}

int nvmlDeviceGetViolationStatus(Device device, unsigned policy, unsigned long long *violation)
{
    char name[LINE];
    REFUSE("GetViolationStatus");
    snprintf(name, sizeof name, "violation_%u", policy);
    violation[0] = 0;
    violation[1] = number(device, name, 0);
    return SUCCESS;
}

int nvmlDeviceGetTotalEnergyConsumption(Device device, unsigned long long *millijoules)
{
    struct timespec now;
    REFUSE("GetTotalEnergyConsumption");
    clock_gettime(CLOCK_MONOTONIC, &now);
    *millijoules = (now.tv_sec + now.tv_nsec / 1e9) * number(device, "power_mw", 60000);
    return SUCCESS;
}

/* Whether a process has the GPU alone in view, as the children of a worker do. */
static int is_pinned(const char *pid, const char *uuid)
{
    static const char variable[] = "CUDA_VISIBLE_DEVICES=";
    char path[LINE], all[1 << 16];
    snprintf(path, sizeof path, "/proc/%s/environ", pid);
    FILE *environ_file = fopen(path, "r");
    size_t size = environ_file ? fread(all, 1, sizeof all - 1, environ_file) : 0;
    if (environ_file)
        fclose(environ_file);
    all[size] = '\0';
    for (char *each = all; each < all + size; each += strlen(each) + 1)
        if (!strncmp(each, variable, sizeof variable - 1) && !strcmp(each + sizeof variable - 1, uuid))
            return 1;
    return 0;
}

static unsigned pinned(Device device, Process *found, unsigned room)
{
    char uuid[LINE] = "";
    unsigned there = 0;
    struct dirent *entry;
    DIR *all = opendir("/proc");
    of_gpu(device->gpu, "uuid", uuid);
    while (all && (entry = readdir(all)))
        if (isdigit(entry->d_name[0]) && is_pinned(entry->d_name, uuid)) {
            if (there < room)
                found[there] = (Process){atoi(entry->d_name), 512u << 20, ~0u, ~0u};
            there++;
        }
    if (all)
        closedir(all);
    return there;
}

static int processes(Device device, const char *name, unsigned *count, Process *found)
{
    char value[LINE] = "", *rest = value, *each;
    unsigned there = 0, room = *count;

    of_gpu(device->gpu, name, value);
    while ((each = strsep(&rest, ",")) && *each) {
        if (!strcmp(each, "pinned")) {
            there += pinned(device, found ? found + there : NULL, there < room ? room - there : 0);
            continue;
        }
        char *bytes = strchr(each, ':');
        if (there < room)
            found[there] = (Process){atoi(each), bytes ? strtoull(bytes + 1, NULL, 0) : ~0ull, ~0u, ~0u};
        there++;
    }
    *count = there;
    return there > room ? INSUFFICIENT_SIZE : SUCCESS;
}

#define PROCESSES(function, name) \
    int nvmlDevice##function##_v3(Device device, unsigned *count, Process *found) \
    { \
        REFUSE(#function); \
        return processes(device, name, count, found); \
    }
PROCESSES(GetComputeRunningProcesses, "processes")
PROCESSES(GetGraphicsRunningProcesses, "graphics")
PROCESSES(GetMPSComputeRunningProcesses, "mps")
