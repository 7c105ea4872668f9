#ifndef THERMALNET_THREADS_H_
#define THERMALNET_THREADS_H_

#include <functional>

namespace ThermalNet {

/** Runs tasks 0 ... count - 1, on one thread unless a platform has more. */
class Threads {
public:
    using Task = std::function<void(int task, int thread)>;
    virtual ~Threads() = default;
    virtual int count() const { return 1; }
    virtual void run(int count, const Task& task) {
        for (int i = 0; i < count; i++) task(i, 0);
    }
};

}  // namespace ThermalNet

#endif
