namespace LLaDA.Batch.Worker.Models;

/// <summary>The model in memory, or the one being loaded. The host's lock guards the count of its users.</summary>
internal sealed class ModelSlot(ModelSource source, Task<LoadedModel> loading)
{
    public ModelSource Source { get; } = source;

    public Task<LoadedModel> Loading { get; } = loading;

    public int Users { get; private set; }

    /// <summary>Whether the only user is exclusive.</summary>
    public bool HasExclusiveUser { get; private set; }

    public bool Admits(bool isExclusive) => Users == 0 || !(isExclusive || HasExclusiveUser);

    public ModelSlot Enter(bool isExclusive)
    {
        (Users, HasExclusiveUser) = (Users + 1, isExclusive);
        return this;
    }

    public void Leave() => (Users, HasExclusiveUser) = (Users - 1, false);
}
