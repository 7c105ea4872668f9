#ifndef THERMALNET_HOST_H_
#define THERMALNET_HOST_H_

#include <atomic>
#include <exception>

#include "Threads.h"
#include "openmm/internal/ContextImpl.h"
#include "openmm/internal/ThreadPool.h"
#include "openmm/reference/ReferencePlatform.h"

namespace ThermalNet {

/** The arrays of the Reference platform, which are those of the CPU platform too. */
inline OpenMM::ReferencePlatform::PlatformData& hostData(OpenMM::ContextImpl& context) {
    return *static_cast<OpenMM::ReferencePlatform::PlatformData*>(context.getPlatformData());
}

inline double* numbers(std::vector<OpenMM::Vec3>& vectors) {
    static_assert(sizeof(OpenMM::Vec3) == 3 * sizeof(double), "three numbers on end");
    return reinterpret_cast<double*>(vectors.data());
}

/** Tasks on the threads of an OpenMM platform. */
class PoolThreads : public Threads {
public:
    explicit PoolThreads(OpenMM::ThreadPool& threads) : pool(threads) {}
    int count() const override { return pool.getNumThreads(); }
    void run(int count, const Task& task) override {
        if (pool.getNumThreads() == 1 || count == 1) {
            Threads::run(count, task);
            return;
        }
        std::atomic<int> next{0};
        pool.execute([&](OpenMM::ThreadPool&, int thread) {
            for (int i = next++; i < count; i = next++) task(i, thread);
        });
        pool.waitForThreads();
    }

private:
    OpenMM::ThreadPool& pool;
};

}  // namespace ThermalNet

#endif
