namespace LLaDA.Diffusion.Infilling;

/// <summary>Keeps the state of a fill while it runs, and reports each change.</summary>
/// <remarks>Safe for use by several threads: lengths are found at once.</remarks>
/// <param name="state">Where to resume; <see cref="InfillState.None"/> for a new fill.</param>
/// <param name="onChange">Called with each new state, one call at a time.</param>
internal sealed class InfillMemory(InfillState state, Action<InfillState>? onChange)
{
    private readonly Lock _lock = new();

    public InfillState State { get; private set; } = state;

    public void AddChoice(int gap, ChosenText chosen) => Change(state => state with { Choices = state.Choices.Add(gap, chosen) });

    public void AddLength(int gap, int length) => Change(state => state with { Lengths = state.Lengths.Add(gap, length) });

    public void AddWindow(FilledWindow window) => Change(state => state with { Windows = state.Windows.Add(window) });

    private void Change(Func<InfillState, InfillState> change)
    {
        lock (_lock)
        {
            State = change(State);
            onChange?.Invoke(State);
        }
    }
}
