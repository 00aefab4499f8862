using LLaDA.Diffusion.Data;

namespace LLaDA.Batch.Train.Training;

/// <summary>The data of a training.</summary>
/// <param name="HeldOut">Null where there is none.</param>
internal sealed record TuningData<TData>(TData Training, TData? HeldOut) : IDisposable
    where TData : ExampleData
{
    public void Dispose()
    {
        Training.Dispose();
        HeldOut?.Dispose();
    }
}
