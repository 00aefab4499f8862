using System.Diagnostics;
using Microsoft.CodeAnalysis;
using Microsoft.CodeAnalysis.CSharp;

namespace LLaDA.Batch.EndToEnd.Tests.Snippets;

/// <summary>
/// Compiles programs as a new console project that refers to LLaDA.Diffusion and LLaDA.Batch.Client does, or as <c>dotnet run</c> does with
/// a single file, and runs them.
/// </summary>
internal sealed class CSharpPrograms : IDisposable
{
    /// <summary>What a new console project imports by itself.</summary>
    private const string ImplicitUsings = """
        global using System;
        global using System.Collections.Generic;
        global using System.IO;
        global using System.Linq;
        global using System.Net.Http;
        global using System.Threading;
        global using System.Threading.Tasks;
        """;

    /// <summary>The library with what it shows of others in its own signatures, and the client; nothing of the service.</summary>
    private static readonly string[] s_libraries =
    [
        Path.Combine(BuiltProgram.WorkerFolder, "LLaDA.Diffusion.dll"), Path.Combine(BuiltProgram.WorkerFolder, "TorchSharp.dll"),
        Path.Combine(AppContext.BaseDirectory, "LLaDA.Batch.Client.dll"),
    ];

    /// <summary>Kept, so that the compiler reads each of them once for all programs.</summary>
    private static readonly MetadataReference[] s_references = [.. References()];

    private static readonly TimeSpan s_limit = TimeSpan.FromMinutes(3);

    /// <summary>Lets a file have the lines <c>#!</c> and <c>#:</c> of programs that are a single file.</summary>
    private static readonly CSharpParseOptions s_singleFile =
        CSharpParseOptions.Default.WithFeatures([KeyValuePair.Create("FileBasedProgram", "true")]);

    private readonly string _folder = Directory.CreateTempSubdirectory("llada-program-").FullName;

    public CSharpPrograms()
    {
        string[] needed =
        [
            .. Directory.GetFiles(BuiltProgram.WorkerFolder).Where(file => Path.GetExtension(file) is ".dll" or ".so"), s_libraries[^1],
        ];
        foreach (string file in needed)
            File.CreateSymbolicLink(Path.Combine(_folder, Path.GetFileName(file)), file);
    }

    /// <param name="name">Names the program among the others, and in the message of a failure.</param>
    /// <returns>The path of the program.</returns>
    public string Compile(string name, string text)
    {
        string file = Path.Combine(_folder, name + ".dll");
        var options = new CSharpCompilationOptions(OutputKind.ConsoleApplication, nullableContextOptions: NullableContextOptions.Enable);
        var trees = new[] { ImplicitUsings, text }.Select(source => CSharpSyntaxTree.ParseText(source, s_singleFile));
        var result = CSharpCompilation.Create(name, trees, s_references, options).Emit(file);
        var errors = result.Diagnostics.Where(fault => fault.Severity == DiagnosticSeverity.Error);
        Assert.True(result.Success, $"{name}: {string.Join('\n', errors)}");
        string settings = Path.Combine(BuiltProgram.WorkerFolder, "LLaDA.Batch.Worker.runtimeconfig.json");
        File.Copy(settings, Path.Combine(_folder, name + ".runtimeconfig.json"));
        return file;
    }

    /// <returns>The standard output of a program that ends well.</returns>
    public static async Task<string> RunAsync(
        string program, string folder, IReadOnlyDictionary<string, string>? environment = null, params string[] arguments)
    {
        var start = new ProcessStartInfo(BuiltProgram.DotNet, ["exec", program, .. arguments])
        {
            WorkingDirectory = folder,
            RedirectStandardOutput = true,
            RedirectStandardError = true,
            Environment = { ["OMP_DISPLAY_ENV"] = "VERBOSE" },
        };
        start.Environment.Remove("OMP_WAIT_POLICY");
        foreach (var (name, value) in environment ?? new Dictionary<string, string>())
            start.Environment[name] = value;
        using var process = Process.Start(start)!;
        var errors = process.StandardError.ReadToEndAsync();
        string output = await process.StandardOutput.ReadToEndAsync().WaitAsync(s_limit);
        await process.WaitForExitAsync().WaitAsync(s_limit);
        Assert.True(process.ExitCode == 0, $"{Path.GetFileNameWithoutExtension(program)} failed:\n{output}\n{await errors}");
        // OpenMP prints its settings once it is loaded, and the library has told it to let waiting threads sleep.
        Assert.DoesNotMatch("GOMP_SPINCOUNT = '[1-9]", await errors);
        return output.Trim();
    }

    public void Dispose() => Directory.Delete(_folder, recursive: true);

    private static IEnumerable<MetadataReference> References()
    {
        string framework = Path.GetDirectoryName(typeof(object).Assembly.Location)!;
        return ((string)AppContext.GetData("TRUSTED_PLATFORM_ASSEMBLIES")!).Split(':')
            .Where(file => Path.GetDirectoryName(file) == framework)
            .Concat(s_libraries)
            .Select(file => MetadataReference.CreateFromFile(file));
    }
}
