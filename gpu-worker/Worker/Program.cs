using LLaDA.Batch.Worker;
using LLaDA.Batch.Worker.Device;
using LLaDA.Diffusion.Native;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.Hosting;

var builder = Host.CreateApplicationBuilder(args);
IHost host;
try
{
    builder.Services.AddWorker(builder.Configuration);
    LibTorch.Load(builder.Configuration["Torch:LibTorch"]);
    host = builder.Build();
    _ = host.Services.GetRequiredService<Hardware>();
}
catch (Exception exception) when (exception is LibTorchMissingException or InvalidOperationException)
{
    Console.Error.WriteLine(exception.Message);
    return 1;
}

var guard = host.Services.GetRequiredService<DeviceGuard>();
await host.RunAsync();
return guard.IsBroken ? 1 : 0;
