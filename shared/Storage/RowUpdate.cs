namespace LLaDA.Batch.Shared.Storage;

/// <summary>The outcome of a conditional change.</summary>
/// <param name="Row">The row as it is now; null when there is none.</param>
/// <param name="Written">Whether this call changed it.</param>
public readonly record struct RowUpdate<T>(T? Row, bool Written)
    where T : class;
