namespace LLaDA.Batch.Worker.Models;

/// <summary>A lease on a model in the cache: its files remain in place until this is disposed.</summary>
internal sealed class CachedModel : IDisposable
{
    private readonly ModelCache _cache;
    private int _isDisposed;

    public CachedModel(ModelCache cache, string path)
    {
        (_cache, Path) = (cache, path);
        cache.Use(path);
    }

    public string Path { get; }

    public void Dispose()
    {
        if (Interlocked.Exchange(ref _isDisposed, 1) == 0)
            _cache.Release(Path);
    }
}
