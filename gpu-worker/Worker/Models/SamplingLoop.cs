using LLaDA.Batch.Shared.Observability;
using LLaDA.Batch.Worker.Device;
using LLaDA.Diffusion.Sampling;

namespace LLaDA.Batch.Worker.Models;

/// <summary>
/// Steps an engine on the tensor thread as long as it has rows, a step a turn. Its rows belong to several tenants, and it has the turns of
/// all of them.
/// </summary>
internal sealed class SamplingLoop(SamplingEngine engine, TensorThread tensors)
{
    private int _isRunning;

    /// <param name="party">The row's tenant.</param>
    /// <param name="cancellation">Takes the row out of the running batch.</param>
    public Task<SampledRow> SampleAsync(SamplingRow row, string party, CancellationToken cancellation)
    {
        var sampled = engine.SubmitAsync(row, party, cancellation);
        if (Interlocked.Exchange(ref _isRunning, 1) == 0)
            _ = RunAsync();
        return sampled;
    }

    /// <summary>Never fails: no one observes it. Where a step fails, the rows do, and the loop can start again.</summary>
    private async Task RunAsync()
    {
        do
        {
            try
            {
                await tensors.RepeatAsync(this, Step, CancellationToken.None, () => engine.NumParties);
            }
            catch (Exception exception)
            {
                engine.Fail(exception);
            }
            Interlocked.Exchange(ref _isRunning, 0);
        }
        while (engine.HasWork && Interlocked.Exchange(ref _isRunning, 1) == 0);
    }

    private bool Step()
    {
        if (engine.Step() > 0)
            Telemetry.ForwardPasses.Add(1);
        return engine.HasWork;
    }
}
