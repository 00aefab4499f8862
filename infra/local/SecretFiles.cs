namespace LLaDA.Batch.Local;

/// <summary>Secrets in files of a data folder, each readable by its owner alone.</summary>
internal sealed class SecretFiles(string folder)
{
    /// <summary>The secret that the folder keeps, made where it is missing.</summary>
    public async Task<string> KeptAsync(string name, Func<string> make, CancellationToken cancellation) =>
        await FindAsync(name, cancellation) ?? await WriteAsync(name, make());

    /// <returns>Null when there is none.</returns>
    public async Task<string?> FindAsync(string name, CancellationToken cancellation)
    {
        string path = Path.Combine(folder, name);
        string secret = File.Exists(path) ? (await File.ReadAllTextAsync(path, cancellation)).Trim() : "";
        return secret.Length > 0 ? secret : null;
    }

    /// <returns>The secret.</returns>
    public async Task<string> WriteAsync(string name, string secret)
    {
        await using var file = new FileStream(Path.Combine(folder, name), new FileStreamOptions
        {
            Mode = FileMode.Create,
            Access = FileAccess.Write,
            UnixCreateMode = UnixFileMode.UserRead | UnixFileMode.UserWrite,
        });
        await using var writer = new StreamWriter(file);
        await writer.WriteLineAsync(secret);
        return secret;
    }
}
